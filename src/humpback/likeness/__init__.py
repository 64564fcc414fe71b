"""Which texts resemble the seed's answers, and one another.

Takes texts, asks an engine what it makes of them, and gives numbers: how much each is like the seed's answers and
unlike the corpus (by a model's hidden states or by its words), which group of like texts it belongs to, which are
chosen, and which say the same as another. Knows no stage and no file. All arithmetic is numpy's.
"""
