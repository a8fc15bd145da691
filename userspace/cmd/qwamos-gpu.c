// SPDX-License-Identifier: GPL-2.0-only
/* qwamos-gpu: what the kernel module says, and VMs without a VM manager. */
#include "cmd/qwamos-gpu-config.h"
#include "cmd/qwamos-gpu.h"

static const struct cmd commands[] = {
	{ "detect", gpu_detect,
	  "detect [--json] [--no-probe] [--root DIR]\n\t\twhich GPUs there are, and how VMs can use them" },
	{ "topology", gpu_topology,
	  "topology [--dot|--json]\n\t\tGPUs by IOMMU group, what is reset together, and who has them" },
	{ "info", gpu_info, "info [--json]\n\t\tthe kernel module: version, limits, devices, VMs" },
	{ "policy", gpu_policy, "policy [LEVEL] [--json]\n\t\twhat each trust level allows" },
	{ "config", gpu_config,
	  "config check FILE... [--strict] [--json]\n\t\twhat is wrong with configs of VMs\n"
	  "  config show FILE [--json]\n\t\twhat one means, and why" },
	{ "qemu-args", gpu_qemu_args,
	  "qemu-args CONFIG [--arch ARCH] [--qemu PROGRAM] [--gpu-only] [--json]\n"
	  "\t\tthe command line that its VM is started with" },
	{ "export", gpu_export,
	  "export libvirt CONFIG\n\t\tlibvirt's domain XML of the same meaning" },
	{ "vm", gpu_vm,
	  "vm list [--json]\n\t\tthe VMs that the kernel knows\n"
	  "  vm show [NAME|ID] [--json]\n\t\tone of them, with its limits; in a VM's process: its own\n"
	  "  vm set NAME|ID OPTION...\n\t\tchanges what it may have; see qwamos-gpu vm set --help\n"
	  "  vm run NAME --level LEVEL [--device ADDRESS]... [OPTION]... -- COMMAND [ARG]...\n"
	  "\t\truns COMMAND as the process of a new VM; see qwamos-gpu vm run --help" },
	{ "check", gpu_check,
	  "check [--vm NAME] [--json] OPERATION...\n\t\tmay the VM do this now?" },
	{ "charge", gpu_charge,
	  "charge [--vm NAME] MIB [-- COMMAND [ARG]...]\n\t\ttakes VRAM of the VM's quota while COMMAND runs, or until a signal" },
	{ "audit", gpu_audit,
	  "audit [--vm NAME|ID] [--event EVENT] [--limit 100] [--follow] [--json]\n"
	  "\t\twhat was allowed, refused and done\n"
	  "  audit [--vm NAME|ID] --save FILE\n\t\tsaves it, with what proves that it is whole\n"
	  "  audit verify FILE [--head [CHAIN:]SEQ:HASH]... [--json]\n"
	  "\t\twhether a saved one is whole and unchanged\n"
	  "  audit head [--vm NAME|ID] [FILE] [--json]\n\t\twhat to keep elsewhere for that" },
	{ "monitor", gpu_monitor,
	  "monitor [--json]\n\t\twhat happens, and the states of VMs and devices, live" },
	{ "top", gpu_top,
	  "top [--once [--json]] [--interval SECONDS]\n\t\twhat each VM has and does, live" },
	{ 0 },
};

const struct cmd_program cmd_program = { .name = "qwamos-gpu", .commands = commands };

int main(int argc, char **argv)
{
	return cmd_main(argc, argv);
}
