"""Who may do what: roles, tokens, keys, credentials, certificates and signatures.

What both applications need below both; it knows no web framework. Secrets are files of mode 0600
below `access/` of a data directory. SECURITY.md at the top says what is promised.
"""
