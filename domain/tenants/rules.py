"""What a name must be; pure."""

from domain.kit.errors import Invalid

NAME_MAX = 100


def clean_name(text: str, *, what: str) -> str:
    """The name without outer and doubled spaces; `what` names the field in the error. Raises Invalid."""
    name = " ".join(text.split())
    if not name:
        raise Invalid(f"The {what} is empty.")
    if len(name) > NAME_MAX:
        raise Invalid(f"The {what} is too long: use at most {NAME_MAX} characters.")
    return name
