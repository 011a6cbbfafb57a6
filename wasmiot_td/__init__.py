"""Thing Descriptions of the Web of Things with the wasmiot vocabulary: load, check, model, graph.

Import from the submodules; start reading at `wasmiot_td.thing_description`.
"""
