//! One safetensors file: its header in memory, its tensors mapped.

use candle_core::{Device, Tensor, WithDType};
use half::{bf16, f16};
use memmap2::{Mmap, UncheckedAdvice};
use safetensors::tensor::{Metadata, TensorInfo, TensorView};
use safetensors::{Dtype, SafeTensors};

use super::error::{CheckpointError, Problem};
use super::folder::Folder;
use crate::config::WeightType;
use crate::decoder::DecoderError;

/// Bytes before the header: its length.
const PREFIX: usize = 8;

#[derive(Debug)]
pub(super) struct WeightFile {
    pub(super) name: String,
    content: Mmap,
    metadata: Metadata,
    /// Where the tensors begin.
    data: usize,
}

impl WeightFile {
    /// Maps a file and checks its header.
    pub(super) fn open(folder: &Folder, name: &str) -> Result<Self, CheckpointError> {
        let file = folder.file(name)?;
        // SAFETY: the map is only read. A submission is a copy that no process of its author can reach any more, so
        // nobody changes the file below the map.
        let content = unsafe { Mmap::map(&file) }.map_err(|error| folder.error(name, error))?;
        let (header, metadata) = SafeTensors::read_metadata(&content).map_err(|error| folder.error(name, error))?;
        Ok(Self { name: name.to_owned(), content, metadata, data: PREFIX + header })
    }

    /// The names of all tensors in the file, sorted.
    pub(super) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.metadata.tensors().into_keys().collect();
        names.sort_unstable();
        names
    }

    pub(super) fn info(&self, name: &str) -> Option<&TensorInfo> {
        self.metadata.info(name)
    }

    /// The tensor as it lies in the file.
    pub(super) fn view(&self, info: &TensorInfo) -> Result<TensorView<'_>, Problem> {
        Ok(TensorView::new(info.dtype, info.shape.clone(), &self.content[self.range(info)])?)
    }

    /// Reads a tensor in the type in which it is stored; every value is a finite number.
    pub(super) fn read(&self, name: &str, info: &TensorInfo) -> Result<Tensor, Problem> {
        let bytes = &self.content[self.range(info)];
        let tensor = match weight_type(name, info)? {
            WeightType::Bf16 => numbers(name, info, pairs(bytes).map(bf16::from_bits), bf16::to_f32),
            WeightType::F16 => numbers(name, info, pairs(bytes).map(f16::from_bits), f16::to_f32),
            WeightType::F32 => {
                let values = bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
                numbers(name, info, values, |value| value)
            }
        }?;
        self.release(info);
        Ok(tensor)
    }

    /// Gives the memory of a tensor back to the system, which reads the file again if it is needed once more.
    fn release(&self, info: &TensorInfo) {
        let range = self.range(info);
        // SAFETY: the map is of a file and nobody writes to it, so its content stays the same.
        let advised =
            unsafe { self.content.unchecked_advise_range(UncheckedAdvice::DontNeed, range.start, range.len()) };
        // A system that refuses the advice keeps the memory for longer.
        drop(advised);
    }

    fn range(&self, info: &TensorInfo) -> std::ops::Range<usize> {
        self.data + info.data_offsets.0..self.data + info.data_offsets.1
    }
}

/// Checks shape and type of a tensor without reading it.
pub(super) fn check(name: &str, info: &TensorInfo, shape: &[usize]) -> Result<(), Problem> {
    if info.shape != shape {
        let (found, expected) = (info.shape.clone(), shape.to_vec());
        return Err(DecoderError::WrongShape { name: name.to_owned(), found, expected }.into());
    }
    weight_type(name, info).map(drop)
}

/// The type of a tensor's numbers.
pub(super) fn weight_type(name: &str, info: &TensorInfo) -> Result<WeightType, Problem> {
    match info.dtype {
        Dtype::BF16 => Ok(WeightType::Bf16),
        Dtype::F16 => Ok(WeightType::F16),
        Dtype::F32 => Ok(WeightType::F32),
        other => Err(Problem::TensorType { name: name.to_owned(), dtype: format!("{other:?}") }),
    }
}

fn numbers<T: WithDType>(
    name: &str,
    info: &TensorInfo,
    values: impl Iterator<Item = T>,
    widen: impl Fn(T) -> f32,
) -> Result<Tensor, Problem> {
    let values: Vec<T> = values.collect();
    if let Some(index) = values.iter().position(|&value| !widen(value).is_finite()) {
        return Err(Problem::NotFinite { name: name.to_owned(), index, value: widen(values[index]) });
    }
    Ok(Tensor::from_vec(values, info.shape.as_slice(), &Device::Cpu).map_err(DecoderError::from)?)
}

fn pairs(bytes: &[u8]) -> impl Iterator<Item = u16> {
    bytes.as_chunks::<2>().0.iter().map(|bytes| u16::from_le_bytes(*bytes))
}
