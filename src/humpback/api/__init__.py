"""What `import humpback` offers: each command as a function on rows in memory or on files, and runs as objects.

The functions take what the commands take, or rows; they carry out the same plans in the same work folders
(`standalone`), and give back what was written as `Records`. A run is carried out here for the command line too.
"""
