/*
 * The accelerator: the work that is done with each byte of each frame, in C.
 *
 * fast_path.py and masking.py, one folder up, say in Python what these functions do.
 * That is the definition; read it first.  This file decides nothing that they do not decide,
 * and the same tests hold for both.  accelerator.py chooses between them.
 *
 * A frame (RFC 6455 section 5.2), as far as this file takes it; all else is left to Python:
 *
 *      1 byte      FIN and opcode: 0x81, a whole text, or 0x82, a whole binary message
 *      1 byte      128 if masked, plus the size; 126 and 127 say that the size follows
 *      0, 2, 8     the size, big-endian, in its shortest form
 *      0, 4        the key
 *      size        the payload, each byte XORed with the next byte of the key, round and round
 *
 * Why it cannot go wrong:
 *
 *   1. `payload_of` is the only function that reads what a peer has sent.
 *      It reads no byte before it has compared what is left with what it is about to read,
 *      and it compares distances, since a sum with a size that a peer has chosen may overflow.
 *   2. A buffer is held while it is read and let go before a function returns, on every path.
 *      What is returned is a copy: nothing refers to the buffer afterwards.
 *   3. There is no state: no globals, nothing in the module but its functions and one number.
 *      So interpreters and forked processes share nothing but code.
 *   4. The GIL is held throughout, and no other Python code runs between two reads of a list.
 *
 * Only the limited API of Python 3.11 is used, so one build serves that version and all later ones.
 */

#define Py_LIMITED_API 0x030B0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <string.h>

#ifndef SOURCE
#define SOURCE 0 /* the build hook gives the checksum of this file */
#endif

enum { TEXT = 0x81, BINARY = 0x82, MASKED = 0x80, KEY_SIZE = 4 };

/* XOR a payload with its key; it may stay where it is.  Eight bytes at a time: their copies cost
 * nothing, wherever they lie, and compilers make wider instructions of the loop.
 * The key is copied first, since it may lie in the target. */
static void
apply_key(uint8_t *target, const uint8_t *source, size_t size, const uint8_t *key)
{
    uint8_t twice[2 * KEY_SIZE];
    uint64_t word, mask;
    size_t done = 0;

    for (size_t i = 0; i < sizeof twice; i++)
        twice[i] = key[i % KEY_SIZE];
    memcpy(&mask, twice, sizeof mask);
    for (; size - done >= sizeof word; done += sizeof word) {
        memcpy(&word, source + done, sizeof word);
        word ^= mask;
        memcpy(target + done, &word, sizeof word);
    }
    for (; done < size; done++)
        target[done] = source[done] ^ twice[done % sizeof twice];
}

/* Return the payload of the frame that begins at `here`, behind its key, and set its size.
 * Return NULL if the frame is not simple, is over the limit, or is not there in full. */
static const uint8_t *
payload_of(const uint8_t *here, const uint8_t *end, int masked, uint64_t limit, size_t *size)
{
    if (end - here < 2 || (here[0] != TEXT && here[0] != BINARY))
        return NULL;
    if ((here[1] >= MASKED) != masked)
        return NULL;
    uint64_t length = here[1] % MASKED;
    here += 2;
    if (length >= 126) {
        int wide = length == 126 ? 2 : 8;
        uint64_t shortest = length == 126 ? 126 : 65536;
        if (end - here < wide)
            return NULL;
        for (length = 0; wide > 0; wide--)
            length = length << 8 | *here++;
        if (length < shortest)
            return NULL;
    }
    if (length > limit || end - here < masked * KEY_SIZE)
        return NULL;
    here += masked * KEY_SIZE;
    if (length > (uint64_t)(end - here))
        return NULL;
    *size = (size_t)length;
    return here;
}

/* Return a payload as bytes, unmasked if it has a key. */
static PyObject *
as_bytes(const uint8_t *payload, size_t size, const uint8_t *key)
{
    if (key == NULL)
        return PyBytes_FromStringAndSize((const char *)payload, (Py_ssize_t)size);
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)size);
    if (bytes != NULL)
        apply_key((uint8_t *)PyBytes_AsString(bytes), payload, size, key);
    return bytes;
}

/* Return a payload as str. */
static PyObject *
as_text(const uint8_t *payload, size_t size, const uint8_t *key)
{
    if (key == NULL)
        return PyUnicode_DecodeUTF8((const char *)payload, (Py_ssize_t)size, NULL);
    PyObject *text = NULL, *bytes = as_bytes(payload, size, key);
    if (bytes != NULL)
        text = PyUnicode_DecodeUTF8(PyBytes_AsString(bytes), (Py_ssize_t)size, NULL);
    Py_XDECREF(bytes);
    return text;
}

/* Append messages while frames are simple, `most` at most; return where that ended,
 * or NULL with an error set.  A text that is not UTF-8 is no error: it is left to Python. */
static const uint8_t *
append_messages(const uint8_t *here, const uint8_t *end, int masked, uint64_t limit,
                Py_ssize_t most, PyObject *messages)
{
    const uint8_t *payload;
    size_t size;

    for (; most > 0; most--) {
        if ((payload = payload_of(here, end, masked, limit, &size)) == NULL)
            break;
        const uint8_t *key = masked ? payload - KEY_SIZE : NULL;
        PyObject *message = (*here == TEXT ? as_text : as_bytes)(payload, size, key);
        if (message == NULL && PyErr_ExceptionMatches(PyExc_UnicodeDecodeError)) {
            PyErr_Clear();
            break;
        }
        int failed = message == NULL || PyList_Append(messages, message) < 0;
        Py_XDECREF(message);
        if (failed)
            return NULL;
        here = payload + size;
    }
    return here;
}

static PyObject *
read_frames(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    Py_buffer data;
    Py_ssize_t position, limit, most;
    int masked;
    PyObject *messages, *result = NULL;

    if (!PyArg_ParseTuple(arguments, "y*npnnO!:read_frames", &data, &position, &masked,
                          &limit, &most, &PyList_Type, &messages))
        return NULL;
    if (position < 0 || position > data.len || limit < 0)
        PyErr_SetString(PyExc_ValueError, "position must be in data, and limit at least 0");
    else {
        const uint8_t *start = data.buf;
        const uint8_t *stopped = append_messages(start + position, start + data.len, masked,
                                                 (uint64_t)limit, most, messages);
        if (stopped != NULL)
            result = PyLong_FromSsize_t(stopped - start);
    }
    PyBuffer_Release(&data);
    return result;
}

static PyObject *
mask(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    Py_buffer data, key;
    Py_ssize_t start, stop;
    PyObject *result = NULL;

    if (!PyArg_ParseTuple(arguments, "y*y*nn:mask", &data, &key, &start, &stop))
        return NULL;
    if (key.len != KEY_SIZE || start < 0 || start > stop || stop > data.len)
        PyErr_SetString(PyExc_ValueError, "key must be 4 bytes, and the part be in data");
    else
        result = as_bytes((const uint8_t *)data.buf + start, (size_t)(stop - start), key.buf);
    PyBuffer_Release(&data);
    PyBuffer_Release(&key);
    return result;
}

static PyObject *
mask_into(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    Py_buffer target, source, key;
    int good;

    if (!PyArg_ParseTuple(arguments, "w*y*y*:mask_into", &target, &source, &key))
        return NULL;
    good = key.len == KEY_SIZE && target.len == source.len;
    if (good)
        apply_key(target.buf, source.buf, (size_t)source.len, key.buf);
    else
        PyErr_SetString(PyExc_ValueError, "key must be 4 bytes, and target as long as source");
    PyBuffer_Release(&target);
    PyBuffer_Release(&source);
    PyBuffer_Release(&key);
    return good ? Py_NewRef(Py_None) : NULL;
}

/* Look at a frame in two parts, a header that ends with the key and a payload below `large` bytes.
 * Return 0 if it is none. */
static int
parts_of(PyObject *frame, Py_ssize_t large, PyObject **head, PyObject **payload)
{
    if (!PyTuple_Check(frame) || PyTuple_Size(frame) != 2)
        return 0;
    *head = PyTuple_GetItem(frame, 0);
    *payload = PyTuple_GetItem(frame, 1);
    return PyBytes_Check(*head) && PyBytes_Size(*head) >= KEY_SIZE
        && PyBytes_Check(*payload) && PyBytes_Size(*payload) < large;
}

static PyObject *
join_masked(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    PyObject *frames, *head, *payload, *result;
    Py_ssize_t large, count, total = 0;

    if (!PyArg_ParseTuple(arguments, "O!n:join_masked", &PyList_Type, &frames, &large))
        return NULL;
    count = PyList_Size(frames);
    for (Py_ssize_t i = 0; i < count; i++) {
        if (!parts_of(PyList_GetItem(frames, i), large, &head, &payload))
            return Py_NewRef(Py_None);
        Py_ssize_t more = PyBytes_Size(head) + PyBytes_Size(payload);
        if (more > PY_SSIZE_T_MAX - total)
            return PyErr_NoMemory();
        total += more;
    }
    if ((result = PyBytes_FromStringAndSize(NULL, total)) == NULL)
        return NULL;
    uint8_t *here = (uint8_t *)PyBytes_AsString(result);
    for (Py_ssize_t i = 0; i < count; i++) {
        parts_of(PyList_GetItem(frames, i), large, &head, &payload);
        size_t head_size = (size_t)PyBytes_Size(head), size = (size_t)PyBytes_Size(payload);
        memcpy(here, PyBytes_AsString(head), head_size);
        here += head_size;
        apply_key(here, (const uint8_t *)PyBytes_AsString(payload), size, here - KEY_SIZE);
        here += size;
    }
    return result;
}

static PyMethodDef functions[] = {
    {"read_frames", read_frames, METH_VARARGS,
     "read_frames(data, position, masked, limit, most, messages)\n--\n\n"
     "Append each whole simple message from `position` on; return where that ended."},
    {"mask", mask, METH_VARARGS,
     "mask(data, key, start, stop)\n--\n\n"
     "Return `data` from `start` to `stop`, masked or unmasked."},
    {"mask_into", mask_into, METH_VARARGS,
     "mask_into(target, source, key)\n--\n\n"
     "Mask `source` into `target`, which has the same size and may be the same."},
    {"join_masked", join_masked, METH_VARARGS,
     "join_masked(frames, large)\n--\n\n"
     "Return frames masked, behind each other; None unless all are in two parts and below `large`."},
    {NULL, NULL, 0, NULL},
};

/* Tell of which source this is: accelerator.py asks, since a working tree may hold another one. */
static int
tell_source(PyObject *module)
{
    return PyModule_AddIntConstant(module, "source", SOURCE);
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, (void *)tell_source},
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_accelerator",
    .m_doc = "The fast path in C; accelerator.py beside it tells what each function does.",
    .m_methods = functions,
    .m_slots = slots,
};

PyMODINIT_FUNC
PyInit__accelerator(void)
{
    return PyModuleDef_Init(&definition);
}
