// parts.tsx - what several pages are made of

import { Alert, App, Button, Descriptions, type DescriptionsProps, Form, Input, Modal, Table, type TableColumnsType } from 'antd';
import { type ReactNode, useState } from 'react';

import { type Pages, type Refusal, refusalText } from './api';
import { tr } from './lang';

export function Refused({ error }: { error?: Refusal }) {
  return error ? <Alert type="error" showIcon className="gap" title={error.text()} /> : null;
}

// A list that comes in pages: the table, and a button for the next one.
export function List<T extends object>({ pages, columns, id, expand }: {
  pages: Pages<T>;
  columns: TableColumnsType<T>;
  id: keyof T & string;
  expand?: (item: T) => ReactNode;
}) {
  return (
    <>
      <Refused error={pages.error} />
      <Table<T>
        size="middle" rowKey={id} columns={columns} dataSource={pages.items} loading={pages.loading} pagination={false}
        scroll={{ x: 'max-content' }} expandable={expand && { expandedRowRender: expand }}
      />
      {pages.more && <Button block type="text" onClick={pages.next}>{tr('More', '更多')}</Button>}
    </>
  );
}

// What one thing is, as pairs of a word and a value.
export function Facts({ items, column }: { items: [label: string, value: ReactNode][]; column: DescriptionsProps['column'] }) {
  return <Descriptions size="small" column={column} items={items.map(([label, children], key) => ({ key, label, children }))} />;
}

export function ReasonField() {
  return <Form.Item name="reason" label={tr('Reason', '原因')} rules={[{ required: true }]}><Input maxLength={400} /></Form.Item>;
}

// A button that asks in a window and then does it; a refusal stays there until it is mended.
export function Ask<V extends object>({ button, title, children, onGo, danger, initial, small }: {
  button: string;
  title: string;
  children?: ReactNode;
  onGo: (values: V) => Promise<unknown>;
  danger?: boolean;
  initial?: Partial<V>;
  small?: boolean;
}) {
  const [open, setOpen] = useState(false);
  const [error, setError] = useState<string>();
  const [busy, setBusy] = useState(false);
  const [form] = Form.useForm<V>();
  const { message } = App.useApp();
  const go = async (v: V) => {
    setBusy(true);
    setError(undefined);
    try {
      await onGo(v);
      setOpen(false);
      form.resetFields();
      message.success(tr('Done', '已完成'));
    } catch (e) {
      setError(refusalText(e));
    }
    setBusy(false);
  };

  return (
    <>
      <Button danger={danger} size={small ? 'small' : undefined} onClick={() => { setError(undefined); setOpen(true); }}>{button}</Button>
      <Modal
        open={open} title={title} onCancel={() => setOpen(false)} onOk={form.submit} confirmLoading={busy} destroyOnHidden
        okButtonProps={{ danger }} okText={button} cancelText={tr('Back', '返回')}
      >
        <Form<V> form={form} layout="vertical" onFinish={go} initialValues={initial} preserve={false}>
          {children}
        </Form>
        {error && <Alert type="error" showIcon title={error} />}
      </Modal>
    </>
  );
}

// Empty fields are not sent.
export function filled<V extends object>(v: V): Partial<V> {
  return Object.fromEntries(Object.entries(v).filter(([, x]) => x !== undefined && x !== null && x !== '')) as Partial<V>;
}
