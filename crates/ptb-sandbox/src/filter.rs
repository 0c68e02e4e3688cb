//! System calls that no agent needs and that have been ways out of a box before.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, TargetArch,
};

/// Marks the second table of system calls that some kernels for `x86_64` have.
const X32: i64 = 0x4000_0000;

/// Answered with "not permitted".
const DENIED: [i64; 34] = [
    libc::SYS_acct,
    libc::SYS_add_key,
    libc::SYS_bpf,
    libc::SYS_delete_module,
    libc::SYS_finit_module,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fsopen,
    libc::SYS_fspick,
    libc::SYS_init_module,
    libc::SYS_kexec_file_load,
    libc::SYS_kexec_load,
    libc::SYS_keyctl,
    libc::SYS_mount,
    libc::SYS_mount_setattr,
    libc::SYS_move_mount,
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    libc::SYS_open_tree,
    libc::SYS_perf_event_open,
    libc::SYS_pivot_root,
    libc::SYS_quotactl,
    libc::SYS_reboot,
    libc::SYS_request_key,
    libc::SYS_setdomainname,
    libc::SYS_sethostname,
    libc::SYS_setns,
    libc::SYS_swapoff,
    libc::SYS_swapon,
    libc::SYS_syslog,
    libc::SYS_umount2,
    libc::SYS_unshare,
    libc::SYS_userfaultfd,
    libc::SYS_vhangup,
];

/// Answered with "no such call", so that libraries take another way. `clone3` hides its flags in memory, where a filter
/// cannot read them.
const ABSENT: [i64; 4] =
    [libc::SYS_clone3, libc::SYS_io_uring_setup, libc::SYS_io_uring_enter, libc::SYS_io_uring_register];

const NAMESPACES: [i32; 7] = [
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWNS,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNET,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWCGROUP,
];

/// The filters to install, in order. None on a processor for which they are not known.
pub(crate) fn programs() -> Vec<BpfProgram> {
    let Ok(processor) = TargetArch::try_from(std::env::consts::ARCH) else { return Vec::new() };
    let mut denied: BTreeMap<i64, Vec<SeccompRule>> = everywhere(&DENIED);
    for call in [libc::SYS_clone, libc::SYS_clone | X32] {
        denied.insert(call, new_namespaces());
    }
    let filters = [(denied, libc::EPERM), (everywhere(&ABSENT), libc::ENOSYS)];
    filters.into_iter().filter_map(|(rules, errno)| program(rules, errno, processor)).collect()
}

fn everywhere(calls: &[i64]) -> BTreeMap<i64, Vec<SeccompRule>> {
    calls.iter().flat_map(|call| [(*call, Vec::new()), (*call | X32, Vec::new())]).collect()
}

fn new_namespaces() -> Vec<SeccompRule> {
    let flag_set = |flag: i32| {
        let flag = flag as u64;
        let condition = SeccompCondition::new(0, SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(flag), flag).ok()?;
        SeccompRule::new(vec![condition]).ok()
    };
    NAMESPACES.into_iter().filter_map(flag_set).collect()
}

fn program(rules: BTreeMap<i64, Vec<SeccompRule>>, errno: i32, processor: TargetArch) -> Option<BpfProgram> {
    let refuse = SeccompAction::Errno(errno as u32);
    SeccompFilter::new(rules, SeccompAction::Allow, refuse, processor).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_becomes_part_of_a_program() {
        if TargetArch::try_from(std::env::consts::ARCH).is_ok() {
            assert_eq!(programs().len(), 2);
            assert_eq!(new_namespaces().len(), NAMESPACES.len());
        }
    }
}
