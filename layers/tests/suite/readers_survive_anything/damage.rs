//! Generates inputs for the readers: random bytes, and files with random changes.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

/// A reproducible source of numbers: S. Vigna's SplitMix64.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// An integer in `0..end`, or 0 where that is empty.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((x ^ (x >> 31)) % end.max(1) as u64) as usize
    }

    pub(crate) fn one_in(&mut self, number: usize) -> bool {
        self.below(number) == 0
    }

    pub(crate) fn pick<'a, V>(&mut self, values: &'a [V]) -> &'a V {
        &values[self.below(values.len())]
    }
}

/// Numbers at the edges of types, in the bytes of a header.
const EXTREMES: [u64; 12] =
    [0, 1, 0x7f, 0x80, 0xff, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 1 << 32, (1 << 63) - 1, u64::MAX];

/// Numbers at the edges of types and of grammars, in text.
const TEXTS: [&str; 16] = [
    "0",
    "00",
    "-1",
    "+5",
    "03",
    "1_0",
    "1e9",
    "0.5",
    "255",
    "65536",
    "4294967295",
    "4294967296",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "99999999999999999999999",
];

/// Random bytes, alone or after the start of a valid file.
pub(crate) fn noise(random: &mut Random, seeds: &[Vec<u8>]) -> Vec<u8> {
    let seed = random.pick(seeds);
    let start = if random.one_in(2) { 0 } else { random.below(seed.len()) };
    let mut bytes = seed[..start].to_vec();
    bytes.extend((0..random.below(120)).map(|_| random.below(256) as u8));
    bytes
}

/// Changes a file in one to four places. Others of its kind are spliced in.
pub(crate) fn damage(random: &mut Random, bytes: &mut Vec<u8>, seeds: &[Vec<u8>]) {
    for _ in 0..1 + random.below(4) {
        let at = random.below(bytes.len());
        let to = at + random.below(20).min(bytes.len().saturating_sub(at));
        match random.below(14) {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(at..to)),
            2 => {
                let copy = bytes[at..to].to_vec();
                bytes.splice(at..at, copy.iter().copied().cycle().take(copy.len() * random.below(8)));
            }
            3 => {
                let other = random.pick(seeds);
                bytes.extend_from_slice(&other[random.below(other.len())..]);
            }
            4 => bytes[at..to].fill(0xff),
            5 => bytes[at..to].fill(b'9'),
            6 => swap(random, bytes, at, to),
            7 => number(random, bytes, at),
            8 => number_in_text(random, bytes, at),
            9 => drop(bytes.splice(at..at, (0..random.below(20)).map(|_| random.below(256) as u8).collect::<Vec<_>>())),
            10 | 11 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            _ if at < bytes.len() => bytes[at] = random.below(256) as u8,
            _ => bytes.push(0),
        }
    }
}

/// Swaps two blocks.
fn swap(random: &mut Random, bytes: &mut [u8], at: usize, to: usize) {
    let length = to - at;
    let other = random.below(bytes.len());
    if other + length <= bytes.len() && (other + length <= at || to <= other) {
        let copy = bytes[at..to].to_vec();
        bytes.copy_within(other..other + length, at);
        bytes[other..other + length].copy_from_slice(&copy);
    }
}

/// An extreme number of one to eight bytes, the least significant first or last.
fn number(random: &mut Random, bytes: &mut [u8], at: usize) {
    let length = (1 << random.below(4)).min(bytes.len() - at);
    let extreme = *random.pick(&EXTREMES);
    if random.one_in(2) {
        bytes[at..at + length].copy_from_slice(&extreme.to_le_bytes()[..length]);
    } else {
        bytes[at..at + length].copy_from_slice(&extreme.to_be_bytes()[8 - length..]);
    }
}

/// Replaces a number in text by an extreme one.
pub(crate) fn number_in_text(random: &mut Random, bytes: &mut Vec<u8>, at: usize) {
    let Some(start) = bytes[at..].iter().position(u8::is_ascii_digit).map(|digit| at + digit) else {
        return;
    };
    let digits = bytes[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    bytes.splice(start..start + digits, random.pick(&TEXTS).bytes());
}

/// Packs bytes in one to three members, packed well or hardly.
pub(crate) fn gzip(random: &mut Random, bytes: &[u8]) -> Vec<u8> {
    let mut members = Vec::new();
    let mut rest = bytes;
    for last in [false, false, true] {
        let (member, after) =
            if last || random.one_in(2) { (rest, &[][..]) } else { rest.split_at(random.below(rest.len())) };
        let level = *random.pick(&[0, 1, 1, 6]);
        let mut encoder = GzEncoder::new(members, Compression::new(level));
        encoder.write_all(member).unwrap();
        members = encoder.finish().unwrap();
        rest = after;
        if rest.is_empty() {
            break;
        }
    }
    members
}

/// A file for a reader that takes plain and packed ones: a seed that may be damaged before it is packed, for what only
/// a whole checksum lets through, and behind it.
pub(crate) fn plain_or_packed(random: &mut Random, seeds: &[Vec<u8>]) -> Vec<u8> {
    if random.one_in(8) {
        return noise(random, seeds);
    }
    let mut bytes = random.pick(seeds).clone();
    if random.one_in(2) {
        damage(random, &mut bytes, seeds);
    }
    if random.one_in(4) {
        return bytes;
    }
    let mut packed = gzip(random, &bytes);
    if random.one_in(2) {
        damage(random, &mut packed, seeds);
    }
    packed
}
