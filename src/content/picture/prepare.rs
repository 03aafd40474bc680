//! Makes an uploaded picture one for emails: checks format, bytes and pixels before anything is decoded, turns it upright,
//! makes it at most 1,280 pixels wide, and encodes it again, so that no place, time or camera is left in it. A moving GIF is
//! kept as it is.

use std::io::Cursor;

use image::codecs::gif::GifDecoder;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::codecs::webp::WebPDecoder;
use image::imageops::FilterType as Filter;
use image::{AnimationDecoder, DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

use crate::infra::error::{Error, Message, Result};

/// Bytes of an uploaded file.
pub const MAX_BYTES: usize = 20 << 20;
/// Bytes of a moving GIF, which is kept as it is.
const MAX_ANIMATION: usize = 3 << 20;
/// Pixels on a side.
const MAX_SIDE: u32 = 12_000;
/// Pixels in all.
const MAX_PIXELS: u64 = 40_000_000;
/// Bytes that a decoder may take.
const MAX_MEMORY: u64 = 256 << 20;
/// Pixels: twice the width of an email, for dense screens.
const MAX_WIDTH: u32 = 1_280;
/// Of 100.
const JPEG_QUALITY: u8 = 84;
/// A PNG of more bytes becomes a JPEG where that is less than half of it.
const LARGE_PNG: usize = 300_000;

crate::text_enum! {
    /// The format that a picture is stored and served in.
    Kind {
        /// PNG.
        Png = "png",
        /// JPEG.
        Jpeg = "jpg",
        /// GIF.
        Gif = "gif",
    }
}

impl Kind {
    /// Its media type.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Gif => "image/gif",
        }
    }
}

/// A picture that can be stored.
#[derive(Debug)]
pub struct Prepared {
    /// Its format.
    pub kind: Kind,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// The file.
    pub bytes: Vec<u8>,
}

/// Prepares an uploaded file. Takes up to some hundred megabytes and a second: call it on a thread for such work, one at a
/// time.
///
/// # Errors
/// Invalid field `file`, with a sentence that says what to do instead.
pub fn prepare(bytes: &[u8]) -> Result<Prepared> {
    if bytes.len() > MAX_BYTES {
        return Err(refusal(Message::new("picture-large").with("limit", MAX_BYTES >> 20)));
    }
    if is_svg(bytes) {
        return Err(refusal(Message::new("picture-svg")));
    }
    let format = image::guess_format(bytes).map_err(|_| refusal(Message::new("picture-kind")))?;
    if !matches!(format, ImageFormat::Png | ImageFormat::Jpeg | ImageFormat::Gif | ImageFormat::WebP) {
        return Err(refusal(Message::new("picture-kind")));
    }
    let broken = |_| refusal(Message::new("picture-broken"));
    // Reads the header alone.
    let (width, height) = ImageReader::with_format(Cursor::new(bytes), format).into_dimensions().map_err(broken)?;
    let is_large = width > MAX_SIDE || height > MAX_SIDE || u64::from(width) * u64::from(height) > MAX_PIXELS;
    if is_large || width == 0 || height == 0 {
        let message = Message::new("picture-pixels").with("width", width).with("height", height);
        return Err(refusal(message.with("limit", MAX_PIXELS / 1_000_000)));
    }
    if is_animation(bytes, format) {
        return match format {
            ImageFormat::Gif if bytes.len() <= MAX_ANIMATION => {
                Ok(Prepared { kind: Kind::Gif, width, height, bytes: bytes.to_vec() })
            }
            ImageFormat::Gif => Err(refusal(Message::new("picture-animation").with("limit", MAX_ANIMATION >> 20))),
            _ => Err(refusal(Message::new("picture-moving-webp"))),
        };
    }
    let image = decode(bytes, format)?;
    let image = match image.width() > MAX_WIDTH {
        true => image.resize(MAX_WIDTH, u32::MAX, Filter::CatmullRom),
        false => image,
    };
    let (kind, encoded) = encode(&image, format)?;
    Ok(Prepared { kind, width: image.width(), height: image.height(), bytes: encoded })
}

fn refusal(message: Message) -> Error {
    message.invalid_field("file")
}

/// Whether a file is SVG, which is a program as much as a picture.
fn is_svg(bytes: &[u8]) -> bool {
    let start = String::from_utf8_lossy(&bytes[..bytes.len().min(4_096)]).to_lowercase();
    let start = start.trim_start_matches('\u{feff}').trim_start();
    start.starts_with('<') && start.contains("<svg")
}

fn is_animation(bytes: &[u8], format: ImageFormat) -> bool {
    match format {
        ImageFormat::Gif => limited_gif(bytes).is_some_and(|gif| gif.into_frames().take(2).flatten().count() > 1),
        ImageFormat::WebP => WebPDecoder::new(Cursor::new(bytes)).is_ok_and(|webp| webp.has_animation()),
        _ => false,
    }
}

fn limited_gif(bytes: &[u8]) -> Option<GifDecoder<Cursor<&[u8]>>> {
    let mut gif = GifDecoder::new(Cursor::new(bytes)).ok()?;
    gif.set_limits(limits()).ok()?;
    Some(gif)
}

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_MEMORY);
    limits
}

/// Decodes a picture and turns it upright.
fn decode(bytes: &[u8], format: ImageFormat) -> Result<DynamicImage> {
    let broken = |_| refusal(Message::new("picture-broken"));
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits());
    let mut decoder = reader.into_decoder().map_err(broken)?;
    let orientation = decoder.orientation().map_err(broken)?;
    let mut image = DynamicImage::from_decoder(decoder).map_err(broken)?;
    image.apply_orientation(orientation);
    Ok(image)
}

fn encode(image: &DynamicImage, format: ImageFormat) -> Result<(Kind, Vec<u8>)> {
    let is_opaque = !image.color().has_alpha() || image.to_rgba8().pixels().all(|pixel| pixel.0[3] == 255);
    if is_opaque && matches!(format, ImageFormat::Jpeg | ImageFormat::WebP) {
        return Ok((Kind::Jpeg, jpeg(image)?));
    }
    let png = png(image, is_opaque)?;
    if is_opaque && png.len() > LARGE_PNG {
        let jpeg = jpeg(image)?;
        if jpeg.len() < png.len() / 2 {
            return Ok((Kind::Jpeg, jpeg));
        }
    }
    Ok((Kind::Png, png))
}

fn jpeg(image: &DynamicImage) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut out, JPEG_QUALITY);
    image.to_rgb8().write_with_encoder(encoder).map_err(|_| refusal(Message::new("picture-broken")))?;
    Ok(out)
}

fn png(image: &DynamicImage, is_opaque: bool) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    let encoder = PngEncoder::new_with_quality(&mut out, CompressionType::Default, FilterType::Adaptive);
    let written = match is_opaque {
        true => image.to_rgb8().write_with_encoder(encoder),
        false => image.to_rgba8().write_with_encoder(encoder),
    };
    written.map_err(|_| refusal(Message::new("picture-broken")))?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use image::{Rgb, RgbImage};

    use super::*;

    fn picture(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
        let image = RgbImage::from_fn(width, height, |x, y| Rgb([x as u8, y as u8, (x + y) as u8]));
        let mut out = Cursor::new(Vec::new());
        DynamicImage::from(image).write_to(&mut out, format).expect("encoded");
        out.into_inner()
    }

    fn key(bytes: &[u8]) -> &'static str {
        prepare(bytes).expect_err("refused").message().key
    }

    #[test]
    fn pictures_are_made_narrow_and_lose_what_cameras_write() {
        let mut jpeg = picture(1_600, 400, ImageFormat::Jpeg);
        // An EXIF block behind the start: orientation 6, a quarter turn.
        let exif = b"\xff\xe1\x00\x22Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
        jpeg.splice(2..2, exif.iter().copied());
        let upright = prepare(&jpeg).expect("prepared");
        assert_eq!((upright.kind, upright.width, upright.height), (Kind::Jpeg, 400, 1_600));
        assert!(!upright.bytes.windows(4).any(|part| part == b"Exif"));

        let wide = prepare(&picture(2_000, 500, ImageFormat::Png)).expect("prepared");
        assert_eq!((wide.width, wide.height), (1_280, 320));
        let small = prepare(&picture(200, 100, ImageFormat::Png)).expect("prepared");
        assert_eq!((small.kind, small.width, small.height), (Kind::Png, 200, 100));
        let webp = prepare(&picture(64, 64, ImageFormat::WebP)).expect("prepared");
        assert_eq!(webp.kind, Kind::Jpeg, "programs that know no WebP show it too");
        let still = prepare(&picture(64, 64, ImageFormat::Gif)).expect("prepared");
        assert_eq!(still.kind, Kind::Png);
    }

    #[test]
    fn a_picture_that_claims_many_pixels_is_refused_before_it_is_decoded() {
        // A PNG header of 100,000 × 100,000 pixels with next to nothing behind it.
        let mut bomb = picture(1, 1, ImageFormat::Png);
        bomb[16..24].copy_from_slice(&[0, 1, 0x86, 0xa0, 0, 1, 0x86, 0xa0]);
        let crc = crc32(&bomb[12..29]);
        bomb[29..33].copy_from_slice(&crc.to_be_bytes());
        assert_eq!(key(&bomb), "picture-pixels");
        let mut lying = picture(1, 1, ImageFormat::Png);
        lying[16..24].copy_from_slice(&[0, 0, 0x17, 0x70, 0, 0, 0x17, 0x70]);
        let crc = crc32(&lying[12..29]);
        lying[29..33].copy_from_slice(&crc.to_be_bytes());
        assert_eq!(key(&lying), "picture-broken", "36 million pixels that are not there");
    }

    #[test]
    fn other_files_are_refused_kindly() {
        assert_eq!(key(&vec![0; MAX_BYTES + 1]), "picture-large");
        assert_eq!(key(b"<?xml version=\"1.0\"?><svg xmlns=\"x\"><script>alert(1)</script></svg>"), "picture-svg");
        assert_eq!(key(b"\xef\xbb\xbf <SVG onload=alert(1)>"), "picture-svg");
        assert_eq!(key(b"<html>"), "picture-kind");
        assert_eq!(key(b""), "picture-kind");
        assert_eq!(key(b"BM0000000000000000"), "picture-kind");
        let cut = picture(64, 64, ImageFormat::Png);
        assert_eq!(key(&cut[..60]), "picture-broken");
    }

    #[test]
    fn moving_gif_stays_as_it_is() {
        use image::codecs::gif::GifEncoder;
        use image::{Frame, RgbaImage};
        let mut bytes = Vec::new();
        let mut encoder = GifEncoder::new(&mut bytes);
        for shade in [0, 200] {
            let frame = RgbaImage::from_pixel(20, 10, image::Rgba([shade, 0, 0, 255]));
            encoder.encode_frame(Frame::new(frame)).expect("encoded");
        }
        drop(encoder);
        let kept = prepare(&bytes).expect("prepared");
        assert_eq!((kept.kind, kept.width, kept.height), (Kind::Gif, 20, 10));
        assert_eq!(kept.bytes, bytes);
    }

    fn crc32(bytes: &[u8]) -> u32 {
        let step = |crc: u32, byte: &u8| {
            (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
        };
        !bytes.iter().fold(u32::MAX, step)
    }
}
