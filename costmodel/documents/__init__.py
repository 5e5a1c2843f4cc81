"""Files and text: the one door for what people and programs write."""
