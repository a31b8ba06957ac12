"""An Update's bytes, and what they mean to us. Pure.

Only what is needed is read, from plain JSON: strict models reject real updates (TELEGRAM section 3), and unknown kinds
will come. What cannot be understood as an Update at all is poison, with its reason.

model.py      Incoming, Attachment, Connection, Poisoned      messages.py  messages, new and edited
reading.py    parse: from the bytes to an Incoming            content.py   its text, files and descriptions
kinds.py      every other kind                                fields.py    JSON fields with their types made sure
"""

from domain.bots.updates.kinds import HANDLED
from domain.bots.updates.model import Attachment, Connection, Incoming, Kind, Poisoned
from domain.bots.updates.reading import parse

__all__ = ["HANDLED", "Attachment", "Connection", "Incoming", "Kind", "Poisoned", "parse"]
