"""Signatures of modules and descriptions, and the keys that a device trusts."""

from pydantic import Field

from wasmiot_td.models.base import VocabularyModel


class Signature(VocabularyModel):
    """Who vouches for what stands around it."""

    key: str
    value: str
    algorithm: str


class SignatureTerms(VocabularyModel):
    """What any description may say of keys."""

    signature: list[Signature] = Field(default=[], alias="wasmiot:signature")
    public_key: str | None = Field(default=None, alias="wasmiot:publicKey")
    trusts_key: list[str] = Field(default=[], alias="wasmiot:trustsKey")
    signed_by: list[str] = Field(default=[], alias="wasmiot:signedBy")
