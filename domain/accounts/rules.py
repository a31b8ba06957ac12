"""What an e-mail address and a password must be; pure."""

import re

from domain.kit.errors import Invalid

# One @, a dot in the domain, nothing invisible: whether it exists only a letter can tell.
_EMAIL = re.compile(r"[^\s@\x00-\x1f\x7f]{1,64}@[^\s@\x00-\x1f\x7f]+\.[^\s@.\x00-\x1f\x7f]{2,}")
_EMAIL_MAX = 254  # RFC 5321
PASSWORD_MIN = 8  # OWASP ASVS 5.0, 6.2.1
PASSWORD_MAX = 128


def normal_email(text: str) -> str:
    """The address as it is stored and compared. Raises Invalid."""
    email = text.strip().lower()
    if len(email) > _EMAIL_MAX or not _EMAIL.fullmatch(email):
        raise Invalid("This is not an e-mail address; it looks like name@example.com.")
    return email


def check_password(password: str) -> None:
    """Raises Invalid when it is too short or too long; composition is the person's own business."""
    if len(password) < PASSWORD_MIN:
        raise Invalid(f"The password is too short: use at least {PASSWORD_MIN} characters.")
    if len(password) > PASSWORD_MAX:
        raise Invalid(f"The password is too long: use at most {PASSWORD_MAX} characters.")
