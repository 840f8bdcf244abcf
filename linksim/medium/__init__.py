"""The medium of one link: transmission of data frames and control frames over its radio paths."""
