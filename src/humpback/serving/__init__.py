"""Finished models answer people and programs: a chat in the terminal, and a server of the OpenAI protocol.

Takes a run folder or a model, asks it in the words that it was trained with (template and tags), and keeps nothing.
"""
