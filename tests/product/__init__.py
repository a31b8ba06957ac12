"""The whole product as tests and benchmarks use it: real processes, and the people around it over public interfaces.

host.py      Product: `replyx up` in a data folder of its own; supervisorctl, kills, the database
tenant.py    Tenant: a workspace over REST          visitor.py   Visitor: the widget's API and its event stream
telegram.py  Telegram, Person: people in the Telegram simulator, through its control API
model.py     a running LLM simulator and its control API
"""

from tests.product.host import Product, until
from tests.product.model import LlmControl, running_model
from tests.product.telegram import Person, Telegram
from tests.product.tenant import Tenant
from tests.product.visitor import Event, Stream, Visitor

__all__ = [
    "Event",
    "LlmControl",
    "Person",
    "Product",
    "Stream",
    "Telegram",
    "Tenant",
    "Visitor",
    "running_model",
    "until",
]
