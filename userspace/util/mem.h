/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Memory. Where there is none left for the few bytes these tools need, nothing sensible can be done
 * any more: the functions here print so and end the process (status 4). A half-done run of
 * qwamos-vfio then stands in its journal, as after a kill.
 */
#ifndef QWAMOS_UTIL_MEM_H
#define QWAMOS_UTIL_MEM_H

#include <stddef.h>

/** QMEM_EXIT - exit status of a process that ran out of memory */
#define QMEM_EXIT 4

/**
 * qmem_check() - @p, or the end of the process if it is NULL; for results of libraries that
 * allocate
 */
void *qmem_check(void *p);

/** qmem_calloc() - calloc() that does not fail; a product that overflows ends the process too */
void *qmem_calloc(size_t n, size_t size) __attribute__((malloc, alloc_size(1, 2)));

/** qmem_realloc() - reallocarray() that does not fail */
void *qmem_realloc(void *p, size_t n, size_t size);

/** qmem_strdup() - strdup() that does not fail; NULL stays NULL */
char *qmem_strdup(const char *s);

/** qmem_printf() - a new string; free() it */
char *qmem_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2), malloc));

/**
 * QMEM_GROW() - room for one more element at the end of an array
 * @array: pointer to the elements, NULL at first
 * @n: elements in it; is counted up
 *
 * Room doubles at each power of two, so no capacity need be kept.
 *
 * Return: pointer to the new element, all zero
 */
#define QMEM_GROW(array, n) ((array) = qmem_grow((array), (n), sizeof(*(array))), &(array)[(n)++])

/**
 * QMEM_EACH() - for each element of an array, which may be NULL if it has none: NULL + 0 is
 * undefined in C
 * @one: pointer to the element
 * @array: pointer to the elements
 * @n: their number
 */
#define QMEM_EACH(one, array, n) for ((one) = (array); (n) && (one) < (array) + (n); (one)++)

/** qmem_grow() - see QMEM_GROW(); use that */
void *qmem_grow(void *array, size_t n, size_t size);

#endif
