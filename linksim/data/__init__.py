"""Image datasets: downloading, reading and checking them, compressing images, and reading measured SNR files.

    sources      datasets by name: `load` returns the images of a split
    formats      the file formats of each dataset, and the folders that are searched for them
    cifar, mnist, faces, samples, archives   readers of these formats
    downloads, fetch, http_requests          the public files with their checksums, and their download
    image_codec  JPEG and WebP to a byte budget, for the scheme `digital`
    measured_snr SNR measurements, for an SNR of kind `measured`
    validation   one exception for all defects of a file

Everything read here comes from outside and may be damaged or hostile: sizes are bounded, pickles are refused, archives are never unpacked
to the disk, and every defect becomes a DataError that names the file.
"""
