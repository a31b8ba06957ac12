"""Browser tests of the built widget (Chromium) against a gateway that each test plays by hand.

Owns: nothing outside the test's own ports and browser contexts. Called by pytest.
Files: fake_gateway.py (the widget's HTTP API with faults), stage.py (browser, page and build fixtures),
test_widget_chat.py (streaming, reloads, connection losses, outbox), test_widget_page.py (launcher, a11y, languages).
"""
