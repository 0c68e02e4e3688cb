//! Frames: a letter and plain values, behind their length.

/// Longest frame, in bytes, its length not counted.
pub(super) const MAX_FRAME: usize = 16 << 20;

/// Bytes that say how long a frame is.
const HEAD: usize = 4;

/// One message, without its length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame {
    /// What kind of message it is.
    pub(super) kind: u8,
    /// Its values; anything, where the sender is hostile.
    pub(super) body: Vec<u8>,
}

/// The sender does not keep to the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BadFrame;

impl Frame {
    /// A frame of values that are encoded already.
    pub(super) fn new(kind: u8, values: &[&[u8]]) -> Self {
        Self { kind, body: values.concat() }
    }

    /// The frame with its length.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let length = u32::try_from(self.body.len() + 1).unwrap_or(u32::MAX);
        let mut bytes = Vec::with_capacity(HEAD + 1 + self.body.len());
        bytes.extend(length.to_be_bytes());
        bytes.push(self.kind);
        bytes.extend(&self.body);
        bytes
    }
}

/// Takes the first whole frame out of what was received; none where more has to come.
pub(super) fn take_frame(received: &mut Vec<u8>) -> Result<Option<Frame>, BadFrame> {
    let Some(head) = received.first_chunk::<HEAD>() else { return Ok(None) };
    let length = u32::from_be_bytes(*head) as usize;
    if length == 0 || length > MAX_FRAME {
        return Err(BadFrame);
    }
    if received.len() < HEAD + length {
        return Ok(None);
    }
    let rest = received.split_off(HEAD + length);
    let frame = std::mem::replace(received, rest);
    Ok(Some(Frame { kind: frame[HEAD], body: frame[HEAD + 1..].to_vec() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_arrive_in_pieces_and_in_heaps() {
        let (first, second) = (Frame::new(b'V', &[b"N", b"T"]), Frame::new(b'R', &[]));
        let bytes = [first.to_bytes(), second.to_bytes()].concat();
        let mut received = bytes[..5].to_vec();
        assert_eq!(take_frame(&mut received), Ok(None));
        received.extend(&bytes[5..]);
        assert_eq!(take_frame(&mut received), Ok(Some(first)));
        assert_eq!(take_frame(&mut received), Ok(Some(second)));
        assert_eq!(take_frame(&mut received), Ok(None));
        assert!(received.is_empty());
    }

    #[test]
    fn impossible_lengths_are_refused_before_anything_is_kept() {
        assert_eq!(take_frame(&mut vec![0, 0, 0, 0]), Err(BadFrame));
        assert_eq!(take_frame(&mut vec![255, 255, 255, 255, b'V']), Err(BadFrame));
    }
}
