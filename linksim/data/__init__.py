"""Image datasets: downloading, reading and checking them, compressing images, and reading measured SNR files."""
