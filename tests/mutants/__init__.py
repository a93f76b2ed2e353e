"""Changes made to the suite one at a time, and what notices each: numbers, text rules, nothing."""
