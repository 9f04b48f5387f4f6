//! Protocol-buffer messages, written by hand: the formats of TensorBoard and of ONNX need few fields.

/// A protocol-buffer message, field by field.
#[derive(Clone, Debug, Default)]
pub(crate) struct Message(Vec<u8>);

/// How a field's value is encoded.
enum Wire {
    Varint = 0,
    Fixed64 = 1,
    Bytes = 2,
    Fixed32 = 5,
}

impl Message {
    pub(crate) fn new() -> Self {
        Message::default()
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn integer(self, field: u32, value: u64) -> Self {
        self.key(field, Wire::Varint).varint(value)
    }

    pub(crate) fn double(mut self, field: u32, value: f64) -> Self {
        self = self.key(field, Wire::Fixed64);
        self.0.extend(value.to_le_bytes());
        self
    }

    pub(crate) fn float(mut self, field: u32, value: f32) -> Self {
        self = self.key(field, Wire::Fixed32);
        self.0.extend(value.to_le_bytes());
        self
    }

    pub(crate) fn text(self, field: u32, value: &str) -> Self {
        self.part(field, value.as_bytes())
    }

    pub(crate) fn message(self, field: u32, value: &Message) -> Self {
        self.part(field, &value.0)
    }

    /// A packed, repeated field.
    pub(crate) fn doubles(self, field: u32, values: &[f64]) -> Self {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.part(field, &bytes)
    }

    pub(crate) fn part(mut self, field: u32, bytes: &[u8]) -> Self {
        self = self.key(field, Wire::Bytes).varint(bytes.len() as u64);
        self.0.extend(bytes);
        self
    }

    fn key(self, field: u32, wire: Wire) -> Self {
        self.varint(u64::from(field) << 3 | wire as u64)
    }

    fn varint(mut self, mut value: u64) -> Self {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_encoded_as_the_specification_says() {
        // The examples of the protocol buffers' encoding: field 1 = 150, field 2 = "testing", field 3 a message.
        let message = Message::new().integer(1, 150);
        assert_eq!(message.bytes(), [0x08, 0x96, 0x01]);
        assert_eq!(Message::new().text(2, "testing").bytes(), b"\x12\x07testing");
        assert_eq!(Message::new().message(3, &message).bytes(), [0x1a, 0x03, 0x08, 0x96, 0x01]);
        assert_eq!(Message::new().float(2, 1.0).bytes(), [0x15, 0, 0, 0x80, 0x3f]);
    }
}
