"""What one call of a module's functions may use."""

from wasmiot_td.models.base import VocabularyModel


class Limits(VocabularyModel):
    """The limits that a module asks for; a device may allow less, never more."""

    wall_seconds: float | None = None
    memory_bytes: int | None = None
    table_elements: int | None = None
    output_bytes: int | None = None
    file_bytes: int | None = None
    open_files: int | None = None
