"""What belongs to neither style: data, initial values, batch order, comparison, commands."""
