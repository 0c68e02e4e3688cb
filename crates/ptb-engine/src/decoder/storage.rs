//! Tensors as slices, for operations written out by hand.

use candle_core::{CpuStorage, Layout, Result, Storage, Tensor, bail};

/// The contiguous values that `layout` selects.
pub(super) fn slice<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&storage.as_slice::<f32>()?[start..end]),
        None => bail!("the values must be contiguous"),
    }
}

/// Calls `use_values` with the values of a tensor on the CPU, copying them only if they are strided.
pub(super) fn with_values<T>(tensor: &Tensor, use_values: impl FnOnce(&[f32]) -> Result<T>) -> Result<T> {
    let tensor = tensor.contiguous()?;
    let (storage, layout) = tensor.storage_and_layout();
    match &*storage {
        Storage::Cpu(storage) => use_values(slice(storage, layout)?),
        _ => bail!("the decoder runs on the CPU"),
    }
}
