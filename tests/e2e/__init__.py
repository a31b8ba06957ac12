"""The whole product, from outside: two gateways, two shards, two tenants, real kills, a real browser.

conftest.py         the two products (one without a model: the demo; one with the LLM simulator) and their tenants
test_browser.py     the shop page, the widget, the Telegram simulator's page
test_kills.py       kill -9, FLUSHALL, supervisorctl restart: nothing lost, nothing twice
test_model.py       answers of a model, and what happens when it fails
test_updates.py     every kind of Telegram update through a running bot
test_bots.py        bots added, paused and removed at run time
test_bad_input.py   what cannot be taken is refused with one clear sentence
test_isolation.py   two tenants never see each other's things
"""
