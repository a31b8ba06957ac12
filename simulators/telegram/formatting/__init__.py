"""Text and its entities as the Bot API understands them.

Called by the methods that take text (`text.formatted`). Files: `text` (the whole path from parameters to checked text
and entities), `markdown_v2`, `markdown` (legacy), `html` (parsers), `entities` (explicit lists), `detect` (commands,
links, mentions found by the server), `output` (the buffer that counts UTF-16 units).
"""
