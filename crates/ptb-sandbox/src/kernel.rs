//! System calls that have no safe wrapper, and nothing else.
//!
//! All of them may be used in a child of a process with many threads: none allocates or takes a lock.

use std::ffi::{CStr, c_char, c_int, c_long, c_void};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;

use rustix::io::{self, Errno};
use rustix::process::Pid;

/// Flags of `clone` for a plain copy of this process.
pub(crate) const PLAIN: u64 = 0;

/// Which side of a copy this is.
pub(crate) enum Copied {
    /// The original, with the copy's id and a handle on it.
    Original(Pid, OwnedFd),
    /// The copy.
    Copy,
}

fn check(result: c_long) -> io::Result<c_long> {
    if result >= 0 { Ok(result) } else { Err(last_error()) }
}

fn last_error() -> Errno {
    // SAFETY: the location is this thread's own and always valid.
    Errno::from_raw_os_error(unsafe { *libc::__errno_location() })
}

/// Copies this process into new namespaces as `flags` says.
///
/// # Safety
/// The copy has one thread, and locks of the others stay locked in it: until it replaces itself by a program or ends, it
/// must not allocate, and must never return to code that does not know it is in a copy.
pub(crate) unsafe fn copy_process(flags: u64) -> io::Result<Copied> {
    let mut handle: c_int = -1;
    let all = flags | libc::CLONE_PIDFD as u64 | libc::SIGCHLD as u64;
    // SAFETY: a null stack makes the copy use a copy of this one; the pidfd goes to a live variable of the right type.
    let pid = check(unsafe {
        libc::syscall(libc::SYS_clone, all, ptr::null::<c_void>(), &raw mut handle, ptr::null::<c_void>(), 0)
    })?;
    let Some(pid) = Pid::from_raw(pid as i32) else { return Ok(Copied::Copy) };
    // SAFETY: the kernel has just made this descriptor for us, and nobody else owns it.
    Ok(Copied::Original(pid, unsafe { OwnedFd::from_raw_fd(handle) }))
}

/// Ends this process at once, without running anything of the original's.
pub(crate) fn end(code: i32) -> ! {
    // SAFETY: `_exit` takes no pointer and does not return.
    unsafe { libc::_exit(code) }
}

/// Replaces this process by a program; returns only why that failed.
///
/// # Safety
/// `arguments` and `environment` are arrays of pointers to strings that end with a null pointer.
pub(crate) unsafe fn replace_by(
    program: &CStr,
    arguments: *const *const c_char,
    environment: *const *const c_char,
) -> Errno {
    // SAFETY: the program is a string, the arrays are the caller's promise.
    unsafe { libc::execve(program.as_ptr(), arguments, environment) };
    last_error()
}

/// Adds restrictions to a mounted tree.
pub(crate) fn restrict_mounts(tree: BorrowedFd<'_>, attributes: u64) -> io::Result<()> {
    mount_setattr(tree.as_raw_fd(), c"", libc::AT_EMPTY_PATH | libc::AT_RECURSIVE, attributes)
}

/// Adds restrictions to the one mount at a path.
pub(crate) fn restrict_mount_at(path: &CStr, attributes: u64) -> io::Result<()> {
    mount_setattr(libc::AT_FDCWD, path, 0, attributes)
}

fn mount_setattr(folder: RawFd, path: &CStr, flags: c_int, attributes: u64) -> io::Result<()> {
    #[repr(C)]
    struct Attributes {
        set: u64,
        clear: u64,
        propagation: u64,
        user_namespace: u64,
    }
    let attributes = Attributes { set: attributes, clear: 0, propagation: 0, user_namespace: 0 };
    // SAFETY: the path is a string and the structure is valid for the size passed with it.
    check(unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            folder,
            path.as_ptr(),
            flags,
            &raw const attributes,
            size_of::<Attributes>(),
        )
    })?;
    Ok(())
}

/// Closes every descriptor except `kept`, which is sorted.
pub(crate) fn close_all_except(kept: &[RawFd]) -> io::Result<()> {
    let mut next = 0;
    for &descriptor in kept {
        close_range(next, i64::from(descriptor) - 1)?;
        next = i64::from(descriptor) + 1;
    }
    close_range(next, i64::from(u32::MAX))
}

fn close_range(first: i64, last: i64) -> io::Result<()> {
    if first > last {
        return Ok(());
    }
    // SAFETY: only numbers; the caller gives up all descriptors that it did not list.
    check(unsafe { libc::syscall(libc::SYS_close_range, first as u32, last as u32, 0) }).map(drop)
}

/// Blocks or unblocks all signals of this thread.
pub(crate) fn block_signals(block: bool) {
    let how = if block { libc::SIG_SETMASK } else { libc::SIG_UNBLOCK };
    // SAFETY: the set is initialised by `sigfillset` before it is read.
    unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&raw mut all);
        libc::pthread_sigmask(how, &raw const all, ptr::null_mut());
    }
}

/// Gives every signal its default action.
pub(crate) fn default_signal_actions() {
    for signal in 1..=64 {
        // SAFETY: `SIG_DFL` is a valid action; signals that cannot be changed are refused without effect.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
}

/// A descriptor that becomes readable when a child changes its state; the signal itself stays blocked.
pub(crate) fn child_events() -> io::Result<OwnedFd> {
    // SAFETY: the set is initialised before it is read; the descriptor is new and ours.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, libc::SIGCHLD);
        let descriptor = libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK);
        check(c_long::from(descriptor))?;
        Ok(OwnedFd::from_raw_fd(descriptor))
    }
}

/// Sends a signal to every process that this one can see. Only for the first process of a process namespace.
pub(crate) fn signal_everything(signal: c_int) {
    // SAFETY: no pointers. Outside of its own namespace this would hit strangers, so it asks who it is.
    unsafe {
        if libc::getpid() == 1 {
            libc::kill(-1, signal);
        }
    }
}

/// Switches on the loopback interface of this network namespace.
pub(crate) fn loopback_up(socket: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: the request is zeroed, named by a short terminated string, and valid for both calls.
    unsafe {
        let mut request: libc::ifreq = std::mem::zeroed();
        request.ifr_name[0] = b'l' as c_char;
        request.ifr_name[1] = b'o' as c_char;
        request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as i16;
        check(c_long::from(libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request)))?;
    }
    Ok(())
}

/// What a finished child used: its wait status and processor time in microseconds, its own descendants included.
pub(crate) fn reap(pid: Pid) -> io::Result<(c_int, u64)> {
    let mut status = 0;
    // SAFETY: both results go to live variables of the right types.
    unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        loop {
            match check(c_long::from(libc::wait4(pid.as_raw_nonzero().get(), &raw mut status, 0, &raw mut usage))) {
                Ok(_) => break,
                Err(Errno::INTR) => {}
                Err(error) => return Err(error),
            }
        }
        let micros = |time: libc::timeval| time.tv_sec as u64 * 1_000_000 + time.tv_usec as u64;
        Ok((status, micros(usage.ru_utime) + micros(usage.ru_stime)))
    }
}
