"""The web channel: sites that carry the chat widget. Owns the tables `sites` and `directory.sites`.

Called by the gateway: its routes, the widget's API and the chat page.

model.py    Site, Place (where a public key leads)    rules.py    origins, colours, frame-ancestors
queries.py  the SQL                                   service.py  add, get, list, change, delete, find by key
"""

from domain.sites.model import Place, Site

__all__ = ["Place", "Site"]
