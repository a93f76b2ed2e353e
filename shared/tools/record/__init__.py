"""Records a program that nobody prepared: what runs inside it, and the one file made of that."""
