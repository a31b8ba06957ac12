"""Why a command stops: one clear line for a person, one exit code for a script."""

BAD_SETTINGS = 2
NEWER_DATABASE = 3
PORT_IN_USE = 4
SERVICE_DOWN = 5
FAILED = 1


class Refusal(Exception):
    """The command cannot go on. `lines` are complete sentences; each names what is wrong and what to do."""

    def __init__(self, *lines: str, code: int = FAILED) -> None:
        super().__init__(" ".join(lines))
        self.lines = lines
        self.code = code
