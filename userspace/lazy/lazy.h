/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Libraries that most runs of a program don't need are opened when their first function is called:
 * at a program's start each costs milliseconds, libkmod (with its libcrypto) as much as all of ours
 * together. Whoever calls them does not know; a program is linked with this room instead of the
 * library, see userspace/build.mk.
 */
#ifndef QWAMOS_LAZY_H
#define QWAMOS_LAZY_H

/**
 * qlazy_find() - a function of a library, which is opened and stays open
 * @soname: its file, as dlopen() looks for it
 * @name: the function's
 *
 * Return: its address; NULL if there is no such library, or no such function in it, as after half
 * an upgrade.
 */
void *qlazy_find(const char *soname, const char *name);

/**
 * qlazy_need() - the same of a library that was begun with
 * @soname: its file
 * @name: the function's
 *
 * Return: its address. If there is none, the program says so and ends with status 127, as the
 * dynamic linker does at a program's start.
 */
void *qlazy_need(const char *soname, const char *name);

/* Is it there? Asked by functions with which a library is begun, which fail if it is not. */
#define QLAZY_HAS(soname, fn) (qlazy_find(soname, #fn) != NULL)

/* The library's function of that name, to be called. */
#define QLAZY(soname, fn)                                                  \
	({                                                                 \
		static typeof(&fn) real;                                   \
		real = real ? real : (typeof(&fn))qlazy_need(soname, #fn); \
		real;                                                      \
	})

#endif
