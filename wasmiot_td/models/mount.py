"""Files that a module's function is given and gives back."""

from wasmiot_td.models.base import VocabularyModel


class Mount(VocabularyModel):
    """A file that a module's function finds, or leaves, at a path.

    `stage` tells when it is there: from the deployment on, for one execution, or afterwards
    as the output.
    """

    path: str
    stage: str
    media_type: str | None = None
    required: bool | None = None


class DataFile(VocabularyModel):
    """A file of a deployment: where its bytes are, and their digest."""

    path: str
    digest: str
    href: str | None = None
    media_type: str | None = None
    byte_length: int | None = None
