//! Everything the new processes need, worked out before they exist.

use std::ffi::{CString, OsStr, OsString, c_char};
use std::os::unix::ffi::OsStrExt;
use std::ptr;

use seccompiler::BpfProgram;

use crate::error::SandboxError;
use crate::filter;
use crate::layout;
use crate::spec::{Isolation, Limits, Network, SandboxSpec};
use crate::step::Step;
use crate::user::OutsideUser;

/// What the first and second process do.
pub(crate) struct Plan {
    pub(crate) isolation: Isolation,
    /// Flags of `clone` for the first process.
    pub(crate) namespaces: u64,
    pub(crate) steps: Vec<Step>,
    /// Number of slots that the steps use.
    pub(crate) slots: usize,
    pub(crate) program: CString,
    pub(crate) arguments: StringArray,
    pub(crate) environment: StringArray,
    pub(crate) cwd: CString,
    pub(crate) file_size_bytes: Option<u64>,
    /// Processes that the user inside may have, where no control group counts them.
    pub(crate) process_rlimit: Option<u64>,
    pub(crate) filters: Vec<BpfProgram>,
}

impl Plan {
    /// Works out the plan. `counted_by_group` says that a control group limits the number of processes.
    pub(crate) fn new(spec: &SandboxSpec, user: OutsideUser, counted_by_group: bool) -> Result<Self, SandboxError> {
        let layout = match spec.isolation {
            Isolation::Namespaces => layout::steps(spec, user)?,
            Isolation::None => layout::Layout::default(),
        };
        let boxed = spec.isolation == Isolation::Namespaces;
        let arguments = [spec.program.as_os_str()].into_iter().chain(spec.args.iter().map(OsString::as_os_str));
        Ok(Self {
            isolation: spec.isolation,
            namespaces: if boxed { namespaces(spec.network, user) } else { 0 },
            steps: layout.steps,
            slots: layout.slots,
            program: text(spec, spec.program.as_os_str())?,
            arguments: StringArray::new(arguments.map(|argument| text(spec, argument)).collect::<Result<_, _>>()?),
            environment: environment(spec)?,
            cwd: text(spec, spec.cwd.as_os_str())?,
            file_size_bytes: spec.limits.file_size_bytes,
            process_rlimit: if boxed && !counted_by_group { process_rlimit(spec.limits) } else { None },
            filters: if boxed { filter::programs() } else { Vec::new() },
        })
    }
}

/// The first process counts too.
fn process_rlimit(limits: Limits) -> Option<u64> {
    limits.processes.map(|count| u64::from(count) + 1)
}

fn namespaces(network: Network, user: OutsideUser) -> u64 {
    let always = libc::CLONE_NEWNS | libc::CLONE_NEWPID | libc::CLONE_NEWIPC | libc::CLONE_NEWUTS;
    let network = if network == Network::None { libc::CLONE_NEWNET } else { 0 };
    let user = if matches!(user, OutsideUser::Own { .. }) { libc::CLONE_NEWUSER } else { 0 };
    (always | network | user) as u64
}

fn environment(spec: &SandboxSpec) -> Result<StringArray, SandboxError> {
    let entry = |(name, value): (&OsString, &OsString)| {
        if name.is_empty() || name.as_bytes().contains(&b'=') {
            return Err(unusable(spec, format!("{} is no name of a variable", name.display())));
        }
        let mut entry = name.clone();
        entry.push("=");
        entry.push(value);
        text(spec, &entry)
    };
    Ok(StringArray::new(spec.env.iter().map(entry).collect::<Result<_, _>>()?))
}

/// A string for the kernel.
pub(crate) fn text(spec: &SandboxSpec, text: &OsStr) -> Result<CString, SandboxError> {
    CString::new(text.as_bytes()).map_err(|_| unusable(spec, format!("{} holds a zero byte", text.display())))
}

/// An error in the specification.
pub(crate) fn unusable(spec: &SandboxSpec, reason: String) -> SandboxError {
    SandboxError::Spec { program: spec.program.clone(), reason }
}

/// Strings together with the array of pointers that `execve` takes.
pub(crate) struct StringArray {
    /// Owns what the pointers point to; never changed.
    _strings: Vec<CString>,
    pointers: Vec<*const c_char>,
}

// SAFETY: the pointers point into the strings beside them, which are never changed.
unsafe impl Send for StringArray {}

impl StringArray {
    fn new(strings: Vec<CString>) -> Self {
        let pointers = strings.iter().map(|string| string.as_ptr()).chain([ptr::null()]).collect();
        Self { _strings: strings, pointers }
    }

    /// The array, ended by a null pointer.
    pub(crate) fn pointers(&self) -> *const *const c_char {
        self.pointers.as_ptr()
    }
}
