# Preloaded into User Mode Linux (6.1) so that it runs on processors with AMX.
#
# That kernel restores a process's vector registers by PTRACE_SETREGSET with a buffer of 2696 bytes. The host takes the
# full size of its processor's state only (Linux, arch/x86/kernel/fpu/regset.c, xstateregs_set), 11008 bytes with AMX, and
# UML panics: "ptrace set fp regs failed, errno = 14". This ptrace() fills the buffer up: what UML does not know of is put
# into its initial state. All other requests pass unchanged.
#
# In assembly, since binutils are needed here anyway and a compiler is not.

	.intel_syntax noprefix
	.set	SYS_ptrace, 101
	.set	PTRACE_GETREGSET, 0x4204
	.set	PTRACE_SETREGSET, 0x4205
	.set	NT_X86_XSTATE, 0x202
	.set	XSTATE_BV, 512		# which parts of the state are not in their initial state
	.set	KNOWN, 0x2ff		# x87, SSE, AVX, MPX, AVX-512, PKRU: the first 2696 bytes
	.set	STATE_MAX, 65536

	.globl	ptrace
	.type	ptrace, @function
	.text
ptrace:					# edi request, esi process, rdx address, rcx data
	sub	rsp, 24
	cmp	edi, PTRACE_SETREGSET
	jne	other
	cmp	edx, NT_X86_XSTATE
	je	set_xstate
other:
	lea	eax, [rdi - 1]
	cmp	eax, 2
	ja	plain
	mov	rcx, rsp		# PTRACE_PEEK*: libc returns the word that the kernel writes
	call	system_call
	test	rax, rax
	js	1f
	mov	rax, [rsp]
1:	add	rsp, 24
	ret
plain:
	call	system_call
	add	rsp, 24
	ret

set_xstate:
	mov	[rsp], rsi
	mov	[rsp + 8], rcx
	cmp	qword ptr full_size[rip], 0
	jne	known_size
	lea	rax, state[rip]		# how large the state is here
	mov	vector[rip], rax
	mov	qword ptr vector[rip + 8], STATE_MAX
	mov	edi, PTRACE_GETREGSET
	lea	rcx, vector[rip]
	call	system_call
	test	rax, rax
	js	1b
	mov	rax, vector[rip + 8]
	mov	full_size[rip], rax
known_size:
	mov	r8, [rsp + 8]		# struct iovec of UML: base, length
	mov	rcx, [r8 + 8]
	mov	rax, full_size[rip]
	cmp	rcx, rax
	jae	as_given
	mov	rsi, [r8]
	lea	rdi, state[rip]
	mov	rdx, rax
	sub	rdx, rcx
	rep	movsb
	mov	rcx, rdx
	xor	eax, eax
	rep	stosb
	and	qword ptr state[rip + XSTATE_BV], KNOWN
	lea	rax, state[rip]
	mov	vector[rip], rax
	mov	rax, full_size[rip]
	mov	vector[rip + 8], rax
	lea	r8, vector[rip]
as_given:
	mov	edi, PTRACE_SETREGSET
	mov	rsi, [rsp]
	mov	edx, NT_X86_XSTATE
	mov	rcx, r8
	call	system_call
	add	rsp, 24
	ret

system_call:				# libc's syscall() sets errno
	sub	rsp, 8
	mov	r8, rcx
	mov	rcx, rdx
	movsxd	rdx, esi
	movsxd	rsi, edi
	mov	edi, SYS_ptrace
	xor	eax, eax
	call	syscall@PLT
	add	rsp, 8
	ret
	.size	ptrace, . - ptrace

	.local	full_size, vector, state
	.comm	full_size, 8, 8
	.comm	vector, 16, 16
	.comm	state, STATE_MAX, 64

	.section .note.GNU-stack, "", @progbits
