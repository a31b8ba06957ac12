"""Stand-ins for the outside world, used by the demo, the tests and the benchmarks; they import nothing of the product.

- `telegram/`  a Bot API server with a chat page and a control API
- `llm/`       an OpenAI-compatible server that can be told to misbehave
- `shop/`      the demo shop's web page, which carries the chat widget
"""
