package actions

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
)

// A data file holds what an object held: compressed records of a number and bytes. For memory the number is the offset,
// and pages of zeros are left out. For messages it is the type or the priority, in the order of the queue.

const (
	savedPage   = 4096
	savedChunk  = 1 << 20
	mostRecord  = 64 << 20 // bytes of one record that a reader takes
	dataHeading = "ipctop saved 1\n"
)

// errTooLarge means that an object holds more than the limit.
var errTooLarge = errors.New("it holds more than --save-limit")

// recordWriter writes a data file.
type recordWriter struct {
	file  *os.File
	buf   *bufio.Writer
	gz    *gzip.Writer
	most  uint64
	bytes uint64 // of all records
}

func newRecordWriter(f *os.File, most uint64) (*recordWriter, error) {
	w := &recordWriter{file: f, buf: bufio.NewWriterSize(f, 256<<10), most: most}
	var err error
	if w.gz, err = gzip.NewWriterLevel(w.buf, gzip.BestSpeed); err != nil {
		return nil, err
	}
	_, err = io.WriteString(w.gz, dataHeading)
	return w, err
}

// put writes one record.
func (w *recordWriter) put(number uint64, data []byte) error {
	if w.bytes += uint64(len(data)); w.bytes > w.most {
		return errTooLarge
	}
	var head [12]byte
	binary.LittleEndian.PutUint64(head[:], number)
	binary.LittleEndian.PutUint32(head[8:], uint32(len(data)))
	if _, err := w.gz.Write(head[:]); err != nil {
		return err
	}
	_, err := w.gz.Write(data)
	return err
}

// memory writes the pages of data that are not zero.
func (w *recordWriter) memory(offset uint64, data []byte) error {
	var zeros [savedPage]byte
	for from := 0; from < len(data); {
		isZero := func(at int) bool {
			page := data[at:min(at+savedPage, len(data))]
			return bytes.Equal(page, zeros[:len(page)])
		}
		if isZero(from) {
			from += savedPage
			continue
		}
		to := from
		for to < len(data) && !isZero(to) {
			to += savedPage
		}
		to = min(to, len(data))
		if err := w.put(offset+uint64(from), data[from:to]); err != nil {
			return err
		}
		from = to
	}
	return nil
}

// copyFile writes the first size bytes of a file. It jumps over holes (SEEK_DATA): a file of many terabytes may hold a
// page. Reading allocates nothing.
func (w *recordWriter) copyFile(f *os.File, size uint64) error {
	const seekData = 3 // man 2 lseek
	buf := make([]byte, savedChunk)
	for at := int64(0); at < int64(size); {
		data, err := f.Seek(at, seekData)
		switch {
		case errors.Is(err, syscall.ENXIO): // no data behind
			return nil
		case errors.Is(err, syscall.EINVAL): // a file system without holes
			data = at
		case err != nil:
			return err
		}
		if data >= int64(size) {
			return nil
		}
		n, err := f.ReadAt(buf[:min(int64(len(buf)), int64(size)-data)], data)
		if err != nil && err != io.EOF {
			return err
		}
		if n == 0 { // it shrank
			return nil
		}
		if err := w.memory(uint64(data), buf[:n]); err != nil {
			return err
		}
		at = data + int64(n)
	}
	return nil
}

// close waits until the disk has the file.
func (w *recordWriter) close() error {
	err := errors.Join(w.gz.Close(), w.buf.Flush())
	if info, statErr := w.file.Stat(); err == nil && statErr == nil {
		_ = w.file.Truncate(info.Size()) // gives room back that was reserved and is not needed
	}
	if err == nil {
		err = w.file.Sync()
	}
	return errors.Join(err, w.file.Close())
}

// readRecords visits the records of a data file. visit may keep data. The error is io.ErrUnexpectedEOF for a file that
// was cut off.
func readRecords(f io.Reader, visit func(number uint64, data []byte) error) error {
	gz, err := gzip.NewReader(bufio.NewReaderSize(f, 256<<10))
	if err != nil {
		return err
	}
	heading := make([]byte, len(dataHeading))
	if _, err := io.ReadFull(gz, heading); err != nil {
		return err
	}
	if string(heading) != dataHeading {
		return fmt.Errorf("it is no data file of this version of ipctop: %w", syscall.EINVAL)
	}
	for {
		var head [12]byte
		if _, err := io.ReadFull(gz, head[:]); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		n := binary.LittleEndian.Uint32(head[8:])
		if n > mostRecord {
			return fmt.Errorf("a record of %d bytes: %w", n, syscall.EINVAL)
		}
		data := make([]byte, n)
		if _, err := io.ReadFull(gz, data); err != nil {
			return err
		}
		if err := visit(binary.LittleEndian.Uint64(head[:]), data); err != nil {
			return err
		}
	}
}
