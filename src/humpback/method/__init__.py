"""The method of the paper as a plan of stages (Li et al. 2023, section 2).

`plan` is the paper on one screen. `corpus` has the stages from documents and seed to segments, `loop` those of
self-augmentation and self-curation, `rating` what gives candidates a score, `auto` what the base model decides where a
setting is left to it. Each stage says what it reads, what decides its result, and the work that makes it. Heavy
libraries are imported where the work is done, so that a plan can be made and shown in no time.
"""
