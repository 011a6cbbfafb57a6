"""The supervisor: WebAssembly functions of one device as Things of the Web of Things.

Start reading at `supervisor_app.app`.
"""
