"""The joined view of what can be had, what is here and who can run it: one list for every picker."""
