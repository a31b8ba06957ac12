"""The texts of the documents that are not plain files, and the script that makes those. Development only.

- `*.md`       the texts
- `blocks.py`  headings, paragraphs, lists and tables of a text
- `build.py`   warranty -> pdf, sizes -> docx, payment -> html, in both languages
- `page.html`  the web page around the payment text, with the menus and banners real pages have
"""
