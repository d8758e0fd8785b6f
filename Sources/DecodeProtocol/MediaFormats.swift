/// Which containers FFmpeg may read here, whoever calls it.
package enum MediaFormats {
    /// The demuxers that may be used. Left out on purpose: all playlists and manifests (hls, dash, concat, …), devices,
    /// text and subtitle formats, and formats that load code or other files.
    package static let allowed = [
        "mov", "matroska", "avi", "mpegts", "mpeg", "mpegvideo", "flv", "asf", "ogg", "gif", "apng", "ivf", "h264",
        "hevc", "m4v", "mjpeg", "obu", "av1", "dv", "mxf", "nut", "rm", "wtv", "yuv4mpegpipe", "vc1", "dirac",
        "jpeg_pipe", "png_pipe", "webp_pipe", "bmp_pipe", "tiff_pipe", "j2k_pipe", "jpegxl_pipe", "jpegls_pipe",
        "pgm_pipe", "pgmyuv_pipe", "ppm_pipe", "pbm_pipe", "pam_pipe", "qoi_pipe", "gif_pipe", "psd_pipe", "dpx_pipe",
        "exr_pipe", "sgi_pipe", "sunrast_pipe", "pcx_pipe",
    ]
}
