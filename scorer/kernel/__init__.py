"""The trees of one model in a form that a processor walks quickly: margins and exact contributions.

    layout          from checked trees to flat arrays (NumPy)
    machine         the walk to a margin, compiled by numba
    contributions   the way down and up to reasons, compiled too
    fours           the vectors in them, in LLVM's words
    compiling       how all of these become machine code, and where it is kept
    compiled        the two behind `margins` and `contributions`

Pure: knows no bundle, no client and no setting. `scorer.engines` decides whether it may be used.
"""
