"""Documents in, instruction-following models out: self-alignment by instruction backtranslation (Li et al. 2023)."""

__version__ = "0.1.0"
