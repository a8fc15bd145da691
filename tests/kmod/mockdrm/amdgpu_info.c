// SPDX-License-Identifier: GPL-2.0-only
/* amdgpu's INFO: what a Vega 10 answers, with the mock's own memory and without other engines. */
#include <linux/ktime.h>
#include <linux/sizes.h>
#include <linux/uaccess.h>
#include "amdgpu.h"

#define AMD_REG_GB_ADDR_CONFIG	      0x263e
#define AMD_GB_ADDR_CONFIG	      0x2a114042
#define AMD_REG_CC_RB_BACKEND_DISABLE 0x263d
/* Of newer kernels. */
#define AMD_INFO_MAX_IBS 0x22

/* All that may be an answer. */
union amd_answer {
	u32 word;
	u64 number;
	u32 max_ibs[AMDGPU_HW_IP_NUM];
	struct drm_amdgpu_info_device device;
	struct drm_amdgpu_info_hw_ip ip;
	struct drm_amdgpu_info_firmware firmware;
	struct drm_amdgpu_info_gds gds;
	struct drm_amdgpu_info_vram_gtt vram_gtt;
	struct drm_amdgpu_memory_info memory;
	struct drm_amdgpu_info_num_handles handles;
	struct drm_amdgpu_info_vce_clock_table vce;
	struct drm_amdgpu_info_video_caps video;
};

static const struct drm_amdgpu_info_device amd_device = {
	.device_id = AMD_DEVICE_ID,
	.chip_rev = 1,
	.external_rev = 1,
	.pci_rev = AMD_REVISION,
	.family = AMDGPU_FAMILY_AI,
	.num_shader_engines = 4,
	.num_shader_arrays_per_engine = 1,
	.gpu_counter_freq = 27000,
	.max_engine_clock = 1630000,
	.max_memory_clock = 945000,
	.cu_active_number = 64,
	.cu_bitmap = { { 0xffff }, { 0xffff }, { 0xffff }, { 0xffff } },
	.enabled_rb_pipes_mask = 0xffff,
	.num_rb_pipes = 16,
	.num_hw_gfx_contexts = 8,
	.virtual_address_offset = 0x200000,
	.virtual_address_max = 0x800000000000,
	.virtual_address_alignment = 0x1000,
	.pte_fragment_size = 0x200000,
	.gart_page_size = 0x1000,
	.ce_ram_size = 0x8000,
	.vram_type = AMDGPU_VRAM_TYPE_HBM,
	.vram_bit_width = 2048,
	.gc_double_offchip_lds_buf = 1,
	.wave_front_size = 64,
	.num_shader_visible_vgprs = 256,
	.num_cu_per_sh = 16,
	.num_tcc_blocks = 16,
	.gs_vgt_table_depth = 32,
	.gs_prim_buffer_depth = 1792,
	.max_gs_waves_per_vgt = 32,
	.cu_ao_bitmap = { { 0xffff }, { 0xffff }, { 0xffff }, { 0xffff } },
	.high_va_offset = 0xffff800000000000,
	.high_va_max = 0xffffffffffe00000,
};

static int amd_info_ip(const struct drm_amdgpu_info *q, struct drm_amdgpu_info_hw_ip *ip)
{
	u32 type = q->query_hw_ip.type;

	if (q->query_hw_ip.ip_instance >= AMDGPU_HW_IP_INSTANCE_MAX_COUNT ||
	    type >= AMDGPU_HW_IP_NUM)
		return -EINVAL;
	if (amd_ring(type, 0, 0) < 0)
		return sizeof(*ip); /* an engine that this chip does not have */
	ip->hw_ip_version_major = 9;
	ip->ib_start_alignment = 32;
	ip->ib_size_alignment = 32;
	ip->available_rings = 1;
	return sizeof(*ip);
}

static int amd_info_firmware(const struct drm_amdgpu_info *q, struct drm_amdgpu_info_firmware *fw)
{
	switch (q->query_fw.fw_type) {
	case AMDGPU_INFO_FW_GFX_ME:
		fw->ver = 166;
		fw->feature = 53;
		break;
	case AMDGPU_INFO_FW_GFX_PFP:
		fw->ver = 194;
		fw->feature = 53;
		break;
	case AMDGPU_INFO_FW_GFX_MEC:
		fw->ver = 0x81d4;
		fw->feature = 53;
		break;
	default:
		if (q->query_fw.fw_type > AMDGPU_INFO_FW_IMU)
			return -EINVAL;
	}
	return sizeof(*fw);
}

static u64 amd_used(struct mock_dev *mock, enum mock_place place)
{
	return READ_ONCE(mock->heap[place].used);
}

static void amd_info_heap(struct mock_dev *mock, enum mock_place place,
			  struct drm_amdgpu_heap_info *heap)
{
	heap->total_heap_size = mock->heap[place].size;
	heap->usable_heap_size = mock->heap[place].size;
	heap->heap_usage = amd_used(mock, place);
	heap->max_allocation = mock->heap[place].size / 4 * 3;
}

static int amd_info_memory(struct mock_dev *mock, struct drm_amdgpu_memory_info *memory)
{
	amd_info_heap(mock, MOCK_VRAM, &memory->vram);
	amd_info_heap(mock, MOCK_VRAM, &memory->cpu_accessible_vram);
	amd_info_heap(mock, MOCK_SYSTEM, &memory->gtt);
	return sizeof(*memory);
}

static int amd_info_register(const struct drm_amdgpu_info *q, u32 *word)
{
	if (q->read_mmr_reg.count != 1)
		return -EINVAL;
	switch (q->read_mmr_reg.dword_offset) {
	case AMD_REG_GB_ADDR_CONFIG:
		*word = AMD_GB_ADDR_CONFIG;
		return sizeof(*word);
	case AMD_REG_CC_RB_BACKEND_DISABLE:
		return sizeof(*word);
	}
	return -EFAULT;
}

/* Numbers; -ENOENT: none is asked for. */
static int amd_info_number(struct mock_dev *mock, u32 query, union amd_answer *a)
{
	switch (query) {
	case AMDGPU_INFO_TIMESTAMP:
		a->number = div_u64(ktime_get_ns() * 27, 1000);
		break;
	case AMDGPU_INFO_VRAM_USAGE:
	case AMDGPU_INFO_VIS_VRAM_USAGE:
		a->number = amd_used(mock, MOCK_VRAM);
		break;
	case AMDGPU_INFO_GTT_USAGE:
		a->number = amd_used(mock, MOCK_SYSTEM);
		break;
	case AMDGPU_INFO_NUM_EVICTIONS:
		a->number = atomic64_read(&mock_stats[MOCK_STAT_EVICTIONS]);
		break;
	case AMDGPU_INFO_NUM_BYTES_MOVED:
	case AMDGPU_INFO_NUM_VRAM_CPU_PAGE_FAULTS:
	case AMDGPU_INFO_RAS_ENABLED_FEATURES:
		break;
	default:
		return -ENOENT;
	}
	return sizeof(a->number);
}

/* Facts; -EINVAL: an unknown question. */
static int amd_info_fact(const struct drm_amdgpu_info *q, union amd_answer *a)
{
	int i;

	switch (q->query) {
	case AMDGPU_INFO_ACCEL_WORKING:
		a->word = 1;
		return sizeof(a->word);
	case AMDGPU_INFO_VRAM_LOST_COUNTER:
		return sizeof(a->word);
	case AMDGPU_INFO_HW_IP_INFO:
		return amd_info_ip(q, &a->ip);
	case AMDGPU_INFO_HW_IP_COUNT:
		if (q->query_hw_ip.type >= AMDGPU_HW_IP_NUM)
			return -EINVAL;
		a->word = amd_ring(q->query_hw_ip.type, 0, 0) >= 0;
		return sizeof(a->word);
	case AMDGPU_INFO_FW_VERSION:
		return amd_info_firmware(q, &a->firmware);
	case AMDGPU_INFO_READ_MMR_REG:
		return amd_info_register(q, &a->word);
	case AMDGPU_INFO_DEV_INFO:
		a->device = amd_device;
		return sizeof(a->device);
	case AMDGPU_INFO_GDS_CONFIG:
		return sizeof(a->gds);
	case AMDGPU_INFO_NUM_HANDLES:
		return sizeof(a->handles);
	case AMDGPU_INFO_VCE_CLOCK_TABLE:
		return sizeof(a->vce);
	case AMDGPU_INFO_VIDEO_CAPS:
		return q->video_cap.type > AMDGPU_INFO_VIDEO_CAPS_ENCODE ? -EINVAL
									 : sizeof(a->video);
	case AMD_INFO_MAX_IBS:
		for (i = 0; i < AMDGPU_HW_IP_NUM; i++)
			a->max_ibs[i] = 192;
		return sizeof(a->max_ibs);
	}
	return -EINVAL;
}

/* DRM_IOCTL_AMDGPU_INFO */
int amd_info(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct mock_dev *mock = to_mock_dev(drm);
	const struct drm_amdgpu_info *q = data;
	union amd_answer a;
	int size;

	if (!q->return_size || !q->return_pointer)
		return -EINVAL;
	memset(&a, 0, sizeof(a));
	if (q->query == AMDGPU_INFO_MEMORY) {
		size = amd_info_memory(mock, &a.memory);
	} else if (q->query == AMDGPU_INFO_VRAM_GTT) {
		a.vram_gtt.vram_size = mock->heap[MOCK_VRAM].size;
		a.vram_gtt.vram_cpu_accessible_size = mock->heap[MOCK_VRAM].size;
		a.vram_gtt.gtt_size = mock->heap[MOCK_SYSTEM].size;
		size = sizeof(a.vram_gtt);
	} else {
		size = amd_info_number(mock, q->query, &a);
		if (size == -ENOENT)
			size = amd_info_fact(q, &a);
	}
	if (size < 0)
		return size;
	return copy_to_user(u64_to_user_ptr(q->return_pointer), &a,
			    min_t(u32, q->return_size, size))
		       ? -EFAULT
		       : 0;
}
