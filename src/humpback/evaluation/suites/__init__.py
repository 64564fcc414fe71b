"""Suites that need no judge: questions with choices, stereotypes, instructions that a program can check.

lm-evaluation-harness decides every figure: how a question is put, what is compared, how an answer is checked. This room
gives it the rows of local files where there is no hub, computes log-likelihoods with less work than it does, and adds
an interval to each figure.
"""
