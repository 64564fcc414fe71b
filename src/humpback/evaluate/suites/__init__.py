"""Suites that need no judge: questions with choices, stereotypes, instructions that a program can check.

Everything that decides a figure is lm-evaluation-harness's: how a question is put, what is compared, how an answer is
checked. This room gives it the rows of files on this machine where there is no hub, reads with less work than it does,
and puts an interval to each figure.
"""
