"""The base of what clients send."""

from pydantic import BaseModel, ConfigDict


class Input(BaseModel):
    """A request body: an unknown field is an error, so that a typing mistake is not silently ignored."""

    model_config = ConfigDict(extra="forbid")


def changes_of(body: BaseModel) -> dict[str, object]:
    """The fields that a PATCH body really names."""
    return {name: getattr(body, name) for name in body.model_fields_set}
