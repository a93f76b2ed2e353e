"""The page of a pair: both files side by side, cut into stages, each hunk explained."""
