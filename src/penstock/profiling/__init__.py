"""What a table shows about itself: types, the task, columns to leave out, suspects. Pure but for reading."""
