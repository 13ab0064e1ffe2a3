"""What the engine remembers: figures by time, a row per trace, and how they come about.

The hot path tells (:mod:`tally`), one worker's sweep folds (:mod:`fold`), pages read.
"""
