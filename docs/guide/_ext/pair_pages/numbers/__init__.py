"""Where the figures on the pages come from: committed results, and what a build measures."""
