"""Readers of file types, run only inside the child process of `parse_child`: they see bytes that strangers made.

text  plain text and Markdown   html  pages without their navigation   pdf  pages and large-type headings   docx
outline  headings and text in order -> blocks; the sentences for files that cannot be read
"""
